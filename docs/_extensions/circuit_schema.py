"""Sphinx extension: the JSON Schema of circuit files stands beside the pages, as circuit.schema.json."""

import json
from pathlib import Path

from corticalnet.circuits import json_schema


def _write(app, error):
    if error is None and app.builder.format == "html":
        text = json.dumps(json_schema(), indent=1, ensure_ascii=False)
        (Path(app.outdir) / "circuit.schema.json").write_text(text, encoding="utf-8")


def setup(app):
    """Connect to Sphinx."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
