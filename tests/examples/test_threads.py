"""The example with threads for cores: answers, priorities and budgets."""

from __future__ import annotations

from tests.examples import support


def test_threads_answer_as_one_core() -> None:
    text = support.run("digits-threads")
    record = support.digits()
    right = record["int8_correct"]
    lines = text.splitlines()
    assert lines[0] == f"{right} of {record['images']} right"
    units = [int(line.split(": ")[1].split()[0]) for line in lines[1:5]]
    assert sum(units) % int(record["images"]) == 0
    assert lines[5:] == [
        f"{right} right beside {right} of a more urgent model",
        "without time: Err(DeadlineMissed)",
        f"with a minute: {right} right",
    ]
