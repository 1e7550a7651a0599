/* Asks signatures of a SavedModel through TensorFlow's C API.
 *
 *   score MODEL QUESTION...
 *
 * QUESTION is the path of a folder that has the name of its signature. inputs.txt has a line an input, "name operation
 * index dtype rows columns" (columns is 0 for a vector); the values are in name.bin, numbers as they are, strings each
 * after its length, 8 bytes. outputs.txt has a line an output, "name operation index". Prints "signature name value
 * value ..." for each output.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { LARGEST = 512 };

static void check(TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%d %s\n", TF_GetCode(status), TF_Message(status));
    exit(1);
  }
}

static FILE *in_folder(const char *folder, const char *name, const char *suffix) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "%s: can't be opened\n", path);
    exit(1);
  }
  return file;
}

static void read_whole(void *into, size_t size, FILE *file) {
  if (size > 0 && fread(into, 1, size, file) != size) {
    fprintf(stderr, "a file of values is too short\n");
    exit(1);
  }
}

static TF_Tensor *strings(int64_t rows, FILE *file) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, &rows, 1, rows * sizeof(TF_TString));
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t row = 0; row < rows; row++) {
    uint64_t length;
    read_whole(&length, sizeof length, file);
    char *bytes = malloc(length + 1);
    read_whole(bytes, length, file);
    TF_StringInit(&values[row]);
    TF_StringCopy(&values[row], bytes, length);
    free(bytes);
  }
  return tensor;
}

static TF_Tensor *numbers(const char *dtype, const int64_t *sizes, int rank, FILE *file) {
  int is_float = strcmp(dtype, "float32") == 0;
  size_t bytes = is_float ? 4 : 8;
  for (int axis = 0; axis < rank; axis++) bytes *= sizes[axis];
  TF_Tensor *tensor = TF_AllocateTensor(is_float ? TF_FLOAT : TF_INT64, sizes, rank, bytes);
  read_whole(TF_TensorData(tensor), bytes, file);
  return tensor;
}

static TF_Output named(TF_Graph *graph, const char *operation, int index) {
  TF_Output output = {TF_GraphOperationByName(graph, operation), index};
  if (output.oper == NULL) {
    fprintf(stderr, "%s: is no operation of the model\n", operation);
    exit(1);
  }
  return output;
}

static void print(const char *signature, const char *name, const TF_Tensor *tensor) {
  printf("%s %s", signature, name);
  int64_t count = TF_TensorElementCount(tensor);
  for (int64_t i = 0; i < count; i++) {
    if (TF_TensorType(tensor) == TF_FLOAT)
      printf(" %.9g", ((const float *)TF_TensorData(tensor))[i]);
    else
      printf(" %" PRId64, ((const int64_t *)TF_TensorData(tensor))[i]);
  }
  printf("\n");
}

static void ask(TF_Session *session, TF_Graph *graph, const char *question, TF_Status *status) {
  TF_Output inputs[LARGEST], outputs[LARGEST];
  TF_Tensor *given[LARGEST], *found[LARGEST];
  char names[LARGEST][256], name[256], operation[256], dtype[16];
  int num_inputs = 0, num_outputs = 0, index;
  int64_t sizes[2];
  FILE *listing = in_folder(question, "inputs", ".txt");
  while (fscanf(listing, "%255s %255s %d %15s %" SCNd64 " %" SCNd64, name, operation, &index, dtype, &sizes[0],
                &sizes[1]) == 6) {
    FILE *file = in_folder(question, name, ".bin");
    inputs[num_inputs] = named(graph, operation, index);
    given[num_inputs++] = strcmp(dtype, "string") == 0 ? strings(sizes[0], file)
                                                       : numbers(dtype, sizes, sizes[1] > 0 ? 2 : 1, file);
    fclose(file);
  }
  fclose(listing);
  listing = in_folder(question, "outputs", ".txt");
  while (fscanf(listing, "%255s %255s %d", names[num_outputs], operation, &index) == 3)
    outputs[num_outputs++] = named(graph, operation, index);
  fclose(listing);

  TF_SessionRun(session, NULL, inputs, given, num_inputs, outputs, found, num_outputs, NULL, 0, NULL, status);
  check(status);
  for (int i = 0; i < num_outputs; i++) print(strrchr(question, '/') + 1, names[i], found[i]);
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(TF_NewSessionOptions(), NULL, arguments[1], tags, 1, graph, NULL, status);
  check(status);
  for (int i = 2; i < count; i++) ask(session, graph, arguments[i], status);
  return 0;
}
