"""pip's settings, told to uv."""

from tools.uv_settings import read_pip_settings, uv_environment, uv_options


def test_the_environment_overrules_files_and_sections():
    listing = "\n".join(
        [
            "global.index-url='file:///global'",
            ":env:.index-url='file:///environment'",
            "install.find-links='/install'",
            "global.find-links='/global'",
            "list.format='columns'",
            "global.trusted-host='a\\nb'",
        ]
    )
    settings = read_pip_settings(listing)
    assert settings["index-url"] == "file:///environment"
    assert settings["find-links"] == "/install"
    assert settings["trusted-host"].split() == ["a", "b"]
    assert "format" not in settings


def test_translation(tmp_path):
    settings = {
        "index-url": "file:///mirror",
        "extra-index-url": "file:///one\nfile:///two",
        "find-links": f"{tmp_path} {tmp_path / 'missing'} file:///wheels",
        "cert": "/certificates.pem",
        "default-timeout": "180",
    }
    assert uv_environment(settings, {"PATH": "/bin"}) == {
        "PATH": "/bin",
        "UV_DEFAULT_INDEX": "file:///mirror",
        "UV_INDEX": "file:///one file:///two",
        "UV_FIND_LINKS": f"{tmp_path},file:///wheels",
        "SSL_CERT_FILE": "/certificates.pem",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_uv_settings_of_the_user_stay():
    result = uv_environment({"index-url": "file:///mirror"}, {"UV_DEFAULT_INDEX": "file:///own"})
    assert result == {"UV_DEFAULT_INDEX": "file:///own"}


def test_no_index_is_an_option():
    assert uv_options({"no-index": "true"}) == ["--no-index"]
    assert uv_options({"no-index": "0"}) == uv_options({}) == []
