"""Which folders count as installed models, and what checking and removing do."""

import json
import os
from pathlib import Path

import pytest

from acp_agent.errors import InstallError, ResourceNotFound
from acp_agent.models.custom import CustomModel
from acp_agent.models.integrity import CHECKED_NAME, FileProblem
from acp_agent.models.manifest import (
    MANIFEST_NAME,
    Manifest,
    describe_files,
    read_manifest,
    write_manifest,
)
from acp_agent.models.store import ModelStore
from tests.fixtures.hub_files import safetensors


def make_model(folder: Path, model_id: str) -> Path:
    model = folder / model_id
    (model / "part").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "part" / "model.safetensors").write_bytes(b"weights")
    manifest = Manifest(
        id=model_id,
        name=model_id.title(),
        description="For tests only.",
        licence="Apache-2.0",
        context_size=512,
        source="test",
        source_sha256="0" * 64,
        created="2025-01-01T00:00:00+00:00",
        files=describe_files(model),
    )
    write_manifest(model, manifest)
    return model


def test_missing_folder_is_an_empty_store(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "none")
    assert store.installed() == []
    assert store.find("tiny") is None
    assert not (tmp_path / "none").exists()


def test_only_whole_models_are_listed(tmp_path: Path) -> None:
    tiny = make_model(tmp_path, "tiny")
    make_model(tmp_path, ".hidden")
    make_model(tmp_path, "renamed").rename(tmp_path / "other")
    (make_model(tmp_path, "no-manifest") / MANIFEST_NAME).unlink()
    (make_model(tmp_path, "broken") / MANIFEST_NAME).write_text('{"id": "broken"')
    (tmp_path / "a-file").write_text("")
    store = ModelStore(tmp_path)
    assert [model.id for model in store.installed()] == ["tiny"]
    found = store.find("tiny")
    assert found is not None
    assert (found.path, found.name, found.context_size) == (tiny, "Tiny", 512)


def test_id_is_no_path(tmp_path: Path) -> None:
    make_model(tmp_path / "outside", "tiny")
    (tmp_path / "models").mkdir()
    store = ModelStore(tmp_path / "models")
    for model_id in ("../outside/tiny", "", ".", "..", str(tmp_path / "outside" / "tiny")):
        assert store.find(model_id) is None


def test_manifest_of_a_later_version_is_read(tmp_path: Path) -> None:
    path = make_model(tmp_path, "tiny") / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": "abc"}))
    assert ModelStore(tmp_path).find("tiny") is not None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ""])
def test_manifest_cannot_point_outside(tmp_path: Path, path: str) -> None:
    folder = make_model(tmp_path, "tiny")
    value = json.loads((folder / MANIFEST_NAME).read_text())
    value["files"][0]["path"] = path
    (folder / MANIFEST_NAME).write_text(json.dumps(value))
    assert read_manifest(folder) is None


def test_untouched_model_is_valid(tmp_path: Path) -> None:
    make_model(tmp_path, "tiny")
    assert ModelStore(tmp_path).verify("tiny") == []


def test_verify_says_what_is_wrong_with_each_file(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "tiny")
    (folder / "config.json").unlink()
    (folder / "part" / "model.safetensors").write_bytes(b"Weights")
    store = ModelStore(tmp_path)
    assert store.verify("tiny") == [
        FileProblem("config.json", "missing"),
        FileProblem("part/model.safetensors", "checksum mismatch"),
    ]
    (folder / "part" / "model.safetensors").write_bytes(b"weight")
    assert store.verify("tiny")[1].kind == "size mismatch"


def test_a_manifest_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "tiny")
    value = json.loads((folder / MANIFEST_NAME).read_text())
    for later in ("repo", "revision", "acknowledgement"):
        del value[later]
    (folder / MANIFEST_NAME).write_text(json.dumps(value))
    assert ModelStore(tmp_path).verify("tiny") == []
    assert ModelStore(tmp_path).check("tiny") is None


def test_check_names_what_changed_and_what_to_do(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "tiny")
    store = ModelStore(tmp_path)
    assert store.check("tiny") is None
    (folder / "config.json").unlink()
    (folder / "part" / "model.safetensors").write_bytes(b"Weights")
    os.utime(folder / "part" / "model.safetensors", ns=(1, 1))
    (folder / "tokenizer.json").write_text("{}")
    (folder / ".DS_Store").write_text("")
    (folder / "notes.md").write_text("mine")
    assert store.check("tiny") == (
        "The model tiny has changed since it was installed: config.json (missing), "
        "part/model.safetensors (checksum mismatch), tokenizer.json (unexpected). Run "
        "`acp-agent models verify --repair tiny`."
    )


def test_check_works_where_nothing_can_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path, "tiny")

    def replace(self: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", replace)
    assert ModelStore(tmp_path).check("tiny") is None
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", MANIFEST_NAME, "part"]


@pytest.mark.parametrize("note", ["", "[]", "{", '{"config.json": null}', '{"config.json": 3}'])
def test_broken_notes_are_no_proof(tmp_path: Path, note: str) -> None:
    folder = make_model(tmp_path, "tiny")
    (folder / CHECKED_NAME).write_text(note)
    assert ModelStore(tmp_path).check("tiny") is None
    (folder / "config.json").write_text("[]")
    assert ModelStore(tmp_path).check("tiny") is not None


def test_folders_of_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    custom = [
        CustomModel("mine", path=own, name="My Model"),
        CustomModel("gone", path=tmp_path / "gone"),
        CustomModel("remote", repo="me/model"),
    ]
    store = ModelStore(tmp_path / "models", custom)
    assert [model.id for model in store.installed()] == ["gone", "mine"]
    (own / "config.json").write_text('{"text_config": {"max_position_embeddings": 2048}}')
    (own / "model.safetensors").write_bytes(safetensors({"a": b"x"}))
    make_model(tmp_path / "models", "tiny")
    assert [(model.id, model.name) for model in store.installed()] == [
        ("gone", "gone"),
        ("mine", "My Model"),
        ("tiny", "Tiny"),
    ]
    gone = store.find_own("gone")
    assert gone is not None
    assert gone.description == store.explain_missing("gone") == store.check("gone")
    assert gone.description.startswith("models.gone.path in the configuration names a folder that")
    assert str(tmp_path) not in gone.description
    assert store.explain_missing("mine") is store.explain_missing("tiny") is None
    assert store.find_own("tiny") is None
    found = store.find("mine")
    assert found is not None
    assert (found.path, found.context_size) == (own, 2048)
    assert store.check("mine") is None
    (own / "model.safetensors").write_bytes(b"half")
    assert "no whole safetensors file" in (store.check("mine") or "")
    with pytest.raises(InstallError, match="folder of your own"):
        store.remove("mine")
    with pytest.raises(ResourceNotFound):
        store.verify("mine")


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    make_model(tmp_path, "tiny")
    make_model(tmp_path, "other")
    ModelStore(tmp_path).remove("tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_remove_of_a_link_keeps_what_it_points_to(tmp_path: Path) -> None:
    original = make_model(tmp_path / "elsewhere", "tiny")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(original, target_is_directory=True)
    store = ModelStore(tmp_path / "models")
    assert store.find("tiny") is not None
    store.remove("tiny")
    assert list((tmp_path / "models").iterdir()) == []
    assert (original / "config.json").exists()


def test_what_is_not_installed_cannot_be_checked_or_removed(tmp_path: Path) -> None:
    make_model(tmp_path, "tiny")
    store = ModelStore(tmp_path)
    for act in (store.verify, store.remove):
        with pytest.raises(ResourceNotFound, match=r"'other' is not installed.*tiny"):
            act("other")
