"""The validators under TFX's local runner, on whole records: StatisticsGen writes what they read."""

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from small_records import CONFIG, SAMPLING, TABLES, write_records
from tfx.components import ExampleValidator, ImportExampleGen, ImportSchemaGen, StatisticsGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from validated_examples import AGE_GROUP, ALLOWED, CLICK, RECORDS, CleanExamples

from tfgrec.config.tables import Requests
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfx_pipeline.data_validation.data_gate import AnomalyError, DataGate
from tfx_pipeline.data_validation.distances import validator_config
from tfx_pipeline.data_validation.distribution_validator import DistributionValidator
from tfx_pipeline.data_validation.serving_validator import ServingValidator
from tfx_pipeline.data_validation.statistics import statistics_options
from tfx_pipeline.reports.data_report import DataReport
from tfx_pipeline.run_record import RunRecord, read_newest_run

pytestmark = pytest.mark.slow
