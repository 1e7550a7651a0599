"""Whether Docker is there, which InfraValidator starts TF Serving with."""


def docker_answers() -> bool:
    """Whether a Docker daemon answers this process."""
    import docker

    try:
        docker.from_env(timeout=5).ping()
    except Exception:  # Of several libraries, for all ways in which there can be no daemon.
        return False
    return True
