import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.NdArrays;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt64;
import org.tensorflow.types.TString;

/** Asks signatures of a SavedModel with TensorFlow for Java: MODEL, then folders of questions named by signature. */
public class Score {
  public static void main(String[] arguments) throws IOException {
    try (SavedModelBundle model = SavedModelBundle.load(arguments[0], "serve")) {
      for (int i = 1; i < arguments.length; i++) {
        Path question = Path.of(arguments[i]);
        String signature = question.getFileName().toString();
        try (Result result = model.function(signature).call(inputs(question))) {
          result.forEach(output -> print(signature, output.getKey(), output.getValue()));
        }
      }
    }
  }

  private static Map<String, Tensor> inputs(Path question) throws IOException {
    Map<String, Tensor> inputs = new HashMap<>();
    for (String line : Files.readAllLines(question.resolve("inputs.txt"))) {
      String[] parts = line.split(" ");
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(question.resolve(parts[0] + ".bin")));
      bytes.order(ByteOrder.LITTLE_ENDIAN);
      long rows = Long.parseLong(parts[4]);
      long columns = Long.parseLong(parts[5]);
      inputs.put(parts[0], tensor(parts[3], columns > 0 ? Shape.of(rows, columns) : Shape.of(rows), bytes));
    }
    return inputs;
  }

  private static Tensor tensor(String type, Shape shape, ByteBuffer bytes) {
    if (type.equals("string")) {
      byte[][] values = new byte[(int) shape.size()][];
      for (int i = 0; i < values.length; i++) {
        values[i] = new byte[(int) bytes.getLong()];
        bytes.get(values[i]);
      }
      return TString.tensorOfBytes(NdArrays.vectorOfObjects(values));
    }
    if (type.equals("float32")) {
      float[] values = new float[(int) shape.size()];
      bytes.asFloatBuffer().get(values);
      return TFloat32.tensorOf(shape, DataBuffers.of(values));
    }
    long[] values = new long[(int) shape.size()];
    bytes.asLongBuffer().get(values);
    return TInt64.tensorOf(shape, DataBuffers.of(values));
  }

  private static void print(String signature, String name, Tensor tensor) {
    List<String> words = new ArrayList<>(List.of(signature, name));
    if (tensor instanceof TFloat32) {
      ((TFloat32) tensor).scalars().forEach(value -> words.add(Float.toString(value.getFloat())));
    } else {
      ((TInt64) tensor).scalars().forEach(value -> words.add(Long.toString(value.getLong())));
    }
    System.out.println(String.join(" ", words));
  }
}
