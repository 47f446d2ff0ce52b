"""Sphinx's configuration: what `make site` builds from dist/site-source."""

import os
import sys

project = "LSTMs, GANs and the LSTM-GAN"
author = "The authors of the LSTM-GAN course"
copyright = "MIT licence"
language = "en"

sys.path.insert(0, os.getcwd())  # the course's root, for what autodoc imports

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx-mathjax-offline",
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
templates_path = ["_templates"]
exclude_patterns = ["_extra", "glossary.toml"]
html_extra_path = ["_extra"]
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_title = project
html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,  # of the page's source: the notebook itself is offered
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "collapse_navigation": True,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search box stands in the side bar
}
html_show_sourcelink = False
html_copy_source = False

# Stored outputs are shown as they are; nothing runs, and no widget is fetched from elsewhere.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
nb_output_stderr = "remove"
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["mystnb.unknown_mime_type"]
