# The guide and the reference as HTML, by Sphinx: `make html`. scripts/stage-html has laid the
# sources out where this file's copy is.
#
# Why Sphinx: it, its reader of Markdown and its theme are packages of Debian 12 and 13, so the
# documentation is built offline as the rest is. mdBook would have to be compiled, and Doxygen reads
# chapters badly; what it reads well, comments, `manual` reads already, for the manual's pages.
import pathlib
import re

from docutils import nodes
from pygments.lexers import CLexer
from sphinx.highlighting import lexers
from sphinx.transforms.post_transforms import SphinxPostTransform

project = "libminirpc"
html_title = "libminirpc"
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
source_suffix = {".md": "markdown"}
# What is in no toctree is linked from where it is spoken of.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
highlight_language = "none"
# The language of .mx files and Sun RPC's .x files looks like C.
lexers["xdr"] = CLexer()
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["narrow.css"]
html_favicon = "static/icon.svg"
pygments_style = "tango"
pygments_dark_style = "native"
html_show_sphinx = html_show_copyright = False
smartquotes = False
html_copy_source = False
# The same bytes wherever and whenever it is made.
html_last_updated_fmt = None


def names():
    """Which page of the reference tells of a function or type."""
    found = {}
    for page in sorted((pathlib.Path(__file__).parent / "reference").glob("*.md")):
        if page.stem == "index":
            continue
        for line in page.read_text().splitlines():
            if line.startswith(("# ", "## ")):
                for name in line.lstrip("# ").split(", "):
                    found.setdefault(name, f"reference/{page.stem}")
    return found


class Names(SphinxPostTransform):
    """Makes links of `mrpc_connect` and the like."""

    default_priority = 700
    pages = names()

    def run(self):
        for literal in list(self.document.findall(nodes.literal)):
            page = self.pages.get(literal.astext().removesuffix("()"))
            if page in (None, self.env.docname) or isinstance(literal.parent, (nodes.reference, nodes.title)):
                continue
            uri = self.app.builder.get_relative_uri(self.env.docname, page)
            link = nodes.reference("", "", literal.deepcopy(), internal=True, refuri=uri)
            literal.replace_self(link)


def without_absolute_imports(app, error):
    """Debian's theme imports a style sheet of its web server's, which nobody else has."""
    for sheet in (pathlib.Path(app.outdir) / "_static/styles").glob("*.css"):
        text = sheet.read_text()
        cut = re.sub(r"@import\s+(url\()?[\"']?/[^;]*;", "", text)
        if cut != text:
            sheet.write_text(cut)


def setup(app):
    app.add_post_transform(Names)
    app.connect("build-finished", without_absolute_imports)
