from pathlib import Path

import pytest

from seqclf.run import conf_path as module
from seqclf.run.conf_path import conf_path


@pytest.mark.parametrize("places", [["seqclf/conf", "conf"], ["conf"]])
def test_the_packages_own_folder_comes_before_the_one_beside_it(
    places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.yaml").touch()
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "seqclf")
    assert conf_path() == tmp_path / places[0]


def test_an_installation_without_its_configuration_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "seqclf")
    with pytest.raises(FileNotFoundError, match="install seqclf again"):
        conf_path()
