"""Sphinx's settings for the documentation: `make docs` builds it into build/docs, without a network."""

import sys
from pathlib import Path

import corticalnet

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
from source_pages import linkcode_resolve as linkcode_resolve

project = "corticalnet"
author = copyright = "The corticalnet developers"
version = release = corticalnet.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "public_names",
    "source_pages",
    "gallery",
    "circuit_schema",
    "notebooks",
]
highlight_language = "none"  # what stands indented or in a fence of no language is a formula or an output

# Pages are Markdown that reads as well where no site is built.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Docstrings are Google's, with a section of ours: arguments that are rarely given.
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # an attribute's name looks for what is called so, and may find two
napoleon_custom_sections = [("Other", "params_style")]
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = False
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
add_module_names = False

html_theme = "furo"
html_title = f"corticalnet {release}"
html_show_copyright = False
html_copy_source = False
html_show_search_summary = False  # fetches pages, which browsers refuse where the site is opened as files
html_static_path = ["_static"]
html_css_files = ["site.css"]
