"""A Report as one HTML page that needs nothing else: no server, no network, no other file."""

from explainer.page.document import framed as framed
from explainer.page.document import html as html
