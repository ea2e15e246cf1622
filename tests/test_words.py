"""Words: code has the names of the field, none that were replaced, and two classes have two names."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import corticalnet
from tests.source import parsed

PACKAGE = Path(corticalnet.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def trees():
    """Every file's path in the package, with its syntax tree."""
    return {path.relative_to(PACKAGE).as_posix(): parsed(path) for path in FILES}.items()


#: By room (a folder or a file; "": all): a word that nothing is called there -> the word for it.
RENAMED = {
    "": {
        "Lesson": "TrialLoss",
        "EachStep": "PerStepLoss",
        "Course": "SequenceResult or InferenceTrajectory",
        "Step": "LearnResult",
        "Activity": "ForwardState",
        "Passes": "SweepCount",
        "Straight": "DirectFeedbackLink",
        "Following": "AlignmentTracker",
        "Goal": "Objective",
        "Watch": "ProgressDisplay",
        "WatchedPrediction": "PredictionWithMotion",
        "SizedError": "ErrorWithMagnitude",
        "Total": "Sum",
        "Bid": "ActionValue",
        "PatientBid": "LeakyActionValue",
        "Contest": "PairwiseCompetition",
        "Outcome": "RewardSource",
        "StagedDetector": "ContinuousDetector",
        "ClosingDetector": "DelayedDetector",
        "CreditByCurrent": "CreditTimesSynapticRate",
        "by_current": "for_spiking_input",
        "Fan": "Grouped",
        "Needs": "MinimumDurations",
        "Code": "RateCode",
        "speakers": "spiking_populations",
        "highest": "max_rate",
        "Give": "SetInput",
        "Script": "CompiledProtocol",
        "script": "compiled",
        "wish": "request",
        "Track": "RecordedVariable",
        "track": "variable",
        "tracks": "variables",
        "urge": "exploration_noise",
        "urges": "exploration_noise",
        "scatter": "initial_spread",
        "curved": "nonlinear_output",
        "Herd": "EnvironmentBatch",
        "herd": "batch",
        "animal": "agent",
        "animals": "batch",
        "hears_all": "uses_global_signal",
        "lesson_input": "trial_input",
        "carrying": "feedback_links",
        "partners": "paired_weights",
    },
    "rules": {
        "lesson": "trial_loss",
        "taught": "output_error",
        "compares": "needs_full_precision",
        "disturb": "perturb",
        "held": "frozen",
        "put": "accumulate_",
        "slot": "gradient_buffer",
        "lay": "build_direct_links",
        "extra": "extra_cost",
        "leaving": "outgoing",
        "greedy": "without_exploration",
    },
    "network": {
        "fire": "forward",
        "hold": "freeze_statistics",
        "credit": "parameter_gradients",
        "put": "accumulate_",
        "keep": "beta",
    },
    "circuits/cells": {"settle": "read_delay", "urge": "exploration_noise", "worth": "mean"},
    "circuits/cells/staged.py": {"reads": "read_out", "ends": "release"},
    "columns": {"settle": "read_delay", "carry": "encode"},
    "engines": {"_said": "_inputs_of", "_spoken": "_sender_phase", "_heard": "_delivery_phase"},
    "reinforcement": {
        "Book": "TrialLog",
        "Chance": "RandomStreams",
        "asleep": "eval_copy",
        "peek": "next_values",
        "forget": "reset",
        "who": "agents",
        "busy": "learning",
    },
    "analysis": {"look": "measure", "course": "trajectory"},
    "audit": {
        "unwarned": "without_warnings",
        "Scene": "ProbeState",
        "Likeness": "GradientSimilarity",
        "law": "fit_power_law",
        "Law": "PowerLawFit",
        "typical": "geometric_mean",
        "listening": "observer_rule",
    },
    "audit/samples.py": {
        "hierarchy": "random_mlp",
        "lesson": "random_batch",
        "own": "training_copy",
        "change": "weight_update",
        "moved": "relative_change",
        "drawn": "seeded",
        "as_it_was": "restored",
    },
    "training": {"goal": "objective", "right": "count_correct", "words": "format_score", "look": "update"},
}

#: Classes that still share their name with another: one in the words of users, one of an engine or a view.
SHARED = {
    "Activation", "ChangeDetector", "Dense", "Feedback", "Inputs", "Learning", "Model", "Parts",
    "Plasticity", "Record", "State", "View",
}  # fmt: skip

#: What a function does, in the word that its docstring begins with.
VERBS = set(
    """
    Accept Accumulate Adapt Add Advance Align Allocate Alter Append Apply Arrange Assign Attach Audit
    Average Begin Branch Break Build Call Change Check Choose Clamp Clip Close Collect Compare Complete
    Compute Concatenate Connect Convert Copy Count Create Cut Decay Decode Delete Deliver Describe Detect
    Determine Disturb Do Download Draw Drop Emit Encode Escape Estimate Evaluate Expand Explain Extract
    Factor Fetch Fill Filter Find Fire Fit Fix Flatten Flush Forget Format Gather Generate Go Group Hash
    Import Infer Initialise Insert Integrate Interpolate Invert Join Judge Keep Key Label Lay Learn Leave
    Let List Load Lock Look Make Map Mark Mask Match Measure Merge Minimise Move Multiply Name Normalise
    Notify Nudge Observe Open Pad Parse Pass Permute Perturb Pickle Place Plan Plot Predict Prepare
    Prepend Present Print Propagate Prune Raise Read Rearrange Receive Record Reduce Refuse Register Relax
    Remove Render Repeat Replace Report Require Rescale Reserve Reset Reshape Restore Resume Return Round
    Route Run Sample Save Scale Score Search Seed Select Send Set Share Shift Show Shuffle Silence
    Simulate Solve Sort Split Stack Start Stop Store Strip Subtract Suggest Sum Summarise Sweep Tabulate
    Take Test Tick Time Trace Track Train Transform Truncate Turn Unfold Unpack Unroll Update Use Validate
    Verify Wait Walk Warn Watch Wrap Write Yield
    """.split()  # noqa: SIM905 - a list would be 150 lines
)


def definitions(tree: ast.AST) -> Iterator[str]:
    """What code gives a name to: classes, functions, arguments, attributes of classes, states of cells."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name, body=body):
                yield name
                for line in body:
                    match line:
                        case (
                            ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)])
                        ):
                            yield name
                        case ast.Assign(value=ast.Dict(keys=keys)):  # states, ports and inputs of cells
                            yield from (key.value for key in keys if isinstance(key, ast.Constant))


@pytest.mark.parametrize("room", RENAMED)
def test_words_that_were_replaced_name_nothing(room):
    left = {
        f"{file}: {name} (now {RENAMED[room][name]})"
        for file, tree in trees()
        if file.startswith(room)
        for name in definitions(tree)
        if name in RENAMED[room]
    }
    assert not left


def test_no_two_classes_have_one_name():
    """A private helper may share its name with another's; what others import may not."""
    places = defaultdict(list)
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file)
    assert {name for name, files in places.items() if len(files) > 1} == SHARED


def test_docstrings_of_functions_begin_with_a_verb():
    """What it does, in the imperative: "Return the angle", not "The angle" (add a verb that is not there)."""
    others = [
        f"{file}: {node.name}: {said.splitlines()[0]}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (said := ast.get_docstring(node))
        if said.split()[0].rstrip(",:;.") not in VERBS or len(said.splitlines()[0].split()) < 2
    ]
    assert not others, "\n".join(others)


def test_docstrings_of_classes_have_at_least_five_words():
    """The word "Base." tells nobody anything."""
    short = [
        f"{file}: {node.name}: {said.splitlines()[0]}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and (said := ast.get_docstring(node))
        if len(said.splitlines()[0].split()) < 5
    ]
    assert not short, "\n".join(short)


#: In docstrings and messages -> the word for it.
SAID = {
    "hears": "receives", "herd": "batch", "herds": "batches", "animal": "agent", "animals": "agents",
    "waist": "bottleneck", "urge": "exploration noise", "urges": "exploration noise", "wish": "request",
}  # fmt: skip


def test_words_that_were_replaced_stand_in_no_docstring_or_message():
    left = {
        f"{file}:{node.lineno}: {word} (now {SAID[word]})"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in set(re.findall(r"\w+", node.value)) & SAID.keys()
    }
    assert not left
