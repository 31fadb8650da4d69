"""How the docs site is built: `sphinx-build -W --keep-going -b html docs OUT`. It needs no network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "loopsim"
author = "the authors of loopsim"
copyright = "the authors of loopsim; Apache-2.0; emoji pictures: OpenMoji, CC BY-SA 4.0"
release = version = version_of("loopsim")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
extensions += ["generated_parts", "plain_docstrings"]  # ours, in _ext/
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext", "example"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
python_use_unqualified_type_names = True

smartquotes = False  # `--set` keeps its dashes

html_theme = "furo"
html_title = "loopsim"
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
