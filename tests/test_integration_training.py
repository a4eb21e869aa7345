"""Training with scikit-learn, LightGBM and PyTorch, and files that C code writes: what is known of it, and that it is as ever."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from programs import Programs, params, paths
from sdists import sdist

if TYPE_CHECKING:
    from conftest import Git, Gitxp

pytestmark = pytest.mark.integration

# a warning of matplotlib's that it cannot show, and numbers of threads that make sums the same each time
QUIET = {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def programs(repo: str, gitxp: Gitxp, git: Git) -> Programs:
    """A repository in which to run them."""
    return Programs(repo, gitxp, git)


@pytest.mark.parametrize(
    "example",
    [
        "model_selection/plot_confusion_matrix",
        "linear_model/plot_sgd_iris",
    ],
)
def test_examples_of_scikit_learn(programs: Programs, example: str) -> None:
    """Its examples print and end as ever; what they imported is known, and what is scikit-learn's own is no data."""
    pytest.importorskip("sklearn")
    name = programs.take(sdist("scikit-learn", f"examples/{example}.py"))
    record = programs.run("python", name, env=QUIET)
    assert {"scikit-learn", "matplotlib", "numpy"} <= set(programs.environment()["imported"])
    # outside of the repository, matplotlib reads its list of fonts
    assert [path for path in paths(record.get("data", [])) if not path.startswith("/")] == []
    assert paths(record.get("outputs", [])) == []


SEARCH = """
import joblib, numpy, pandas
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
C = [0.1, 1.0]
frame = pandas.read_csv("data/points.csv")
search = GridSearchCV(LogisticRegression(), {"C": C}, cv=3, n_jobs=2).fit(frame[["x", "y"]], frame["kind"])
print(f"score={search.best_score_:.3f}")
joblib.dump(search.best_estimator_, "out/model.joblib")
"""


def test_a_search_of_scikit_learn(programs: Programs) -> None:
    """What pandas reads is data, what joblib dumps an output, a constant a parameter; joblib's workers have no options."""
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    rows = [f"{n},{n % 7},{n % 2}" for n in range(60)]
    programs.write("data/points.csv", "\n".join(["x,y,kind", *rows, ""]))
    programs.write("out/.keep", "")
    programs.write("search.py", SEARCH)
    record = programs.run("python", "search.py", options=("--metrics-from", "stdout"), env=QUIET)
    assert params(record) == {"C": ([0.1, 1.0], "constant")}
    assert paths(record["data"]) == ["data/points.csv"]
    assert paths(record["outputs"]) == ["out/model.joblib"]
    assert record["metrics"]["score"]["count"] == 1


BOOST = """
import lightgbm, numpy
PARAMS = {"objective": "regression", "learning_rate": 0.2, "verbosity": -1, "num_threads": 1}
data = lightgbm.Dataset("data/points.csv", params={"header": True, "label_column": "name:kind", "verbosity": -1})
found = {}
model = lightgbm.train(PARAMS, data, 5, valid_sets=[data], callbacks=[lightgbm.record_evaluation(found)])
for step, value in enumerate(found["training"]["l2"]):
    print(f"step={step} l2={value:.6f}")
model.save_model("out/model.txt")
"""


def test_lightgbm(programs: Programs) -> None:
    """The model is an output, the evaluations metrics; its C++ reads the data, which nobody sees: --data says it."""
    pytest.importorskip("lightgbm")
    rows = [f"{n},{n % 7},{n % 5}" for n in range(200)]
    programs.write("data/points.csv", "\n".join(["x,y,kind", *rows, ""]))
    programs.write("out/.keep", "")
    programs.write("boost.py", BOOST)
    record = programs.run(
        *("python", "boost.py"), options=("--metrics-from", "stdout", "--data", "data/points.csv"), env=QUIET
    )
    assert params(record)["PARAMS.learning_rate"] == (0.2, "constant")
    assert paths(record["data"]) == ["data/points.csv"]
    assert paths(record["outputs"]) == ["out/model.txt"]
    assert record["metrics"]["l2"]["count"] == 5


C_WRITERS = """
import os
os.makedirs("out", exist_ok=True)
{code}
"""


@pytest.mark.parametrize(
    ("packages", "code", "written"),
    [
        ("h5py numpy", "import h5py, numpy\nwith h5py.File('out/a.h5', 'w') as f: f['x'] = numpy.arange(9)", "a.h5"),
        ("pyarrow", "import pyarrow as a, pyarrow.parquet as p\np.write_table(a.table({'x': [1, 2]}), 'out/a.parquet')", "a.parquet"),
        ("pyarrow", "import pyarrow as a, pyarrow.feather as f\nf.write_feather(a.table({'x': [1, 2]}), 'out/a.feather')", "a.feather"),
        ("pandas pyarrow", "import pandas\npandas.DataFrame({'x': [1]}).to_parquet('out/a.parquet')", "a.parquet"),
        ("torch", "import torch\ntorch.save({'x': torch.ones(3)}, 'out/a.pt')", "a.pt"),
        ("torch", "import torch\ntorch.save(torch.nn.Linear(2, 1).state_dict(), open('out/a.pt', 'wb'))", "a.pt"),
        ("matplotlib", "import matplotlib.pyplot as p\np.plot([1, 2])\np.savefig('out/a.png')", "a.png"),
        ("numpy", "import numpy\nnumpy.memmap('out/a.bin', 'f4', 'w+', shape=(9,))[:] = 1", "a.bin"),
        ("numpy", "import sqlite3\nc = sqlite3.connect('out/a.db')\nc.execute('create table t (x)')\nc.commit(); c.close()", "a.db"),
    ],
)  # fmt: skip
def test_files_that_c_writes(programs: Programs, packages: str, code: str, written: str) -> None:
    """Also where Python opens none of them, they are outputs and kept."""
    for package in packages.split():
        pytest.importorskip(package)
    programs.write("write.py", C_WRITERS.format(code=code))
    record = programs.run("python", "write.py", env=QUIET)
    assert paths(record["outputs"]) == [f"out/{written}"]
    assert record["outputs"][0]["stored"]
    assert len(programs.artifact(f"out/{written}")) == record["outputs"][0]["size"]


TRAIN = """
import argparse
import numpy
import torch
from torch.utils.data import DataLoader, Dataset


class Files(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, number):
        return torch.from_numpy(numpy.load(f"data/{number}.npy"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--start")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    loader = DataLoader(Files(), batch_size=2, num_workers=2, multiprocessing_context=options.start)
    for epoch in range(options.epochs):
        for batch in loader:
            loss = model(batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch={epoch} loss={loss.item():.4f}")
    torch.save(model.state_dict(), "out/model.pt")
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_pytorch(programs: Programs, start: str) -> None:
    """What the workers of a DataLoader read is the run's data, and torch.save, whose C++ writes, gives an output."""
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("torch")
    programs.write("out/.keep", "")
    programs.write("data/.keep", "")
    for number in range(6):
        numpy.save(f"data/{number}.npy", numpy.full(4, number, dtype=numpy.float32))
    programs.write("train.py", TRAIN)
    record = programs.run("python", "train.py", "--start", start, options=("--metrics-from", "stdout"), env=QUIET)
    assert params(record) == {"lr": (0.01, "argparse"), "epochs": (2, "argparse"), "start": (start, "argv")}
    assert paths(record["data"]) == [f"data/{number}.npy" for number in range(6)]
    assert [(entry["path"], entry["stored"]) for entry in record["outputs"]] == [("out/model.pt", True)]
    assert record["metrics"]["loss"]["count"] == 2
    assert {"torch", "numpy"} <= set(programs.environment()["imported"])


DISTRIBUTED = """
import argparse
import torch
import torch.distributed
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--depth", type=int, default=3)
options = parser.parse_args()
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
total = torch.ones(1) * (rank + 1)
torch.distributed.all_reduce(total)
with open(f"out/rank{rank}.txt", "w") as file:
    file.write(f"{total.item()}")
if rank == 0:
    print("sum", total.item())
torch.distributed.destroy_process_group()
"""


@pytest.mark.parametrize("launcher", [["torchrun"], [sys.executable, "-m", "torch.distributed.run"]])
def test_processes_of_torchrun(programs: Programs, launcher: list[str]) -> None:
    """The parameters are the program's and not the launcher's, and the outputs are those of all ranks."""
    pytest.importorskip("torch")
    programs.write("out/.keep", "")
    programs.write("train.py", DISTRIBUTED)
    record = programs.run(*launcher, "--standalone", "--nproc_per_node=2", "train.py", "--lr", "0.5", env=QUIET)
    assert params(record) == {"lr": (0.5, "argv"), "depth": (3, "argparse")}
    assert paths(record["outputs"]) == ["out/rank0.txt", "out/rank1.txt"]


def test_collect_env_of_pytorch(programs: Programs) -> None:
    """What asks the system by many small processes is answered as ever."""
    pytest.importorskip("torch")
    programs.write(
        "ask.sh", "python -m torch.utils.collect_env | grep -e '^Python' -e '^PyTorch' -e '^OS' -e '^Libc'\n"
    )
    programs.run("sh", "ask.sh", env=QUIET)
