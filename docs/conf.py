"""Sphinx's settings: Markdown pages as they stand on a code host, nothing loaded from elsewhere (`make docs`)."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "cmrbridge"
extensions = ["myst_parser"]
exclude_patterns = ["README.md", "tools"]  # README.md is included by index.rst
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = "cmrbridge"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_math_renderer = "mathml"


def mathml(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Formulas as MathML, which browsers draw by themselves: Sphinx's own renderers need a network or LaTeX."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    # room above and below, without which the theme shows scroll bars
    translator.body.append(f'<div class="math" style="padding: 0.5em 0">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
