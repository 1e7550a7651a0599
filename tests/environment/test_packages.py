"""The doctor's look at the installed packages."""

import sys

from packaging.requirements import Requirement

from tfgrec.environment.packages import check_lock, check_requirements, read_lock

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_requirements_in_and_out_of_range():
    requirements = [
        Requirement("tensorflow>=2.16.2,<2.17"),
        Requirement("apache-beam==2.56.0"),
        Requirement("rich>=13"),
        Requirement(f"ancient==1.0; python_version < '{THIS_PYTHON}'"),
        Requirement("tfx>=1.16; extra == 'tfx'"),
        Requirement("pytest>=8; extra == 'test'"),
    ]
    versions = {"tfgrec": "0.1.0", "tensorflow": "2.15.0", "rich": "14.0", "protobuf": "3.20.3"}
    findings = by_name(check_requirements(requirements, versions.get))
    assert {name: finding.status for name, finding in findings.items()} == {
        "tfgrec": "ok",
        "tensorflow": "mend",
        "apache-beam": "mend",
        "rich": "ok",
        "tfx": "note",
        "protobuf": "ok",
    }
    assert findings["tensorflow"].found == "2.15.0"
    assert "pip install 'tensorflow<2.17,>=2.16.2'" in findings["tensorflow"].advice
    assert findings["apache-beam"].found == "not installed"


def test_a_wrong_tfx_is_to_mend_though_it_is_optional():
    findings = check_requirements([Requirement("tfx>=1.16,<1.17; extra == 'tfx'")], {"tfx": "1.20.0"}.get)
    assert by_name(findings)["tfx"].status == "mend"


def test_tfgrec_itself_is_not_installed():
    (finding,) = check_requirements(None)
    assert finding.status == "mend"
    assert "make setup" in finding.advice


def test_lock_lines_of_other_pythons_are_left_out(tmp_path):
    lock = tmp_path / "stack.lock"
    lock.write_text(
        "# made by a tool\n"
        f"scipy==1.17.1 ; python_full_version < '{THIS_PYTHON}'\n"
        f"scipy==1.18.1 ; python_full_version >= '{THIS_PYTHON}' and sys_platform == 'linux'\n"
        "    # via scikit-learn\n"
        "rich==15.0.0\n"
    )
    assert read_lock(lock) == {"scipy": "1.18.1", "rich": "15.0.0"}


def test_drift_from_the_lock(tmp_path):
    lock = tmp_path / "stack-a.lock"
    lock.write_text("rich==15.0.0\nnumpy==1.26.4\ntfx==1.16.0\n")
    same = check_lock(lock, {"rich": "15.0.0", "numpy": "1.26.4"}.get)
    assert (same.status, same.found) == ("ok", "stack-a.lock: 2 of 3 packages as locked, 1 not installed")
    drifted = check_lock(lock, {"rich": "15.0.0", "numpy": "2.0.0", "tfx": "1.16.0"}.get)
    assert (drifted.status, drifted.found) == ("note", "stack-a.lock: 2 of 3 packages as locked")
    assert "numpy 2.0.0 (locked: 1.26.4)" in drifted.advice


def test_many_differences_are_counted_not_listed(tmp_path):
    lock = tmp_path / "stack-a.lock"
    lock.write_text("".join(f"package{number}==1.0\n" for number in range(20)))
    finding = check_lock(lock, lambda name: "2.0")
    assert "package7 2.0 (locked: 1.0), and 12 more" in finding.advice


def test_no_lock(tmp_path):
    assert check_lock(tmp_path / "stack-b.lock").status == "ok"
