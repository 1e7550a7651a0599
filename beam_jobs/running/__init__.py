"""What all jobs share: their commands, pipelines, shuffles, outputs and progress."""
