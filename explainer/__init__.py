"""See what jax.vmap does to every axis: `explain(request)` returns a Report."""

from explainer import sandbox as sandbox
from explainer import testing as testing
from explainer.api import explain as explain
from explainer.debugging import debug as debug
from explainer.report import Report as Report
from explainer.spec import Argument as Argument
from explainer.spec import Request as Request
from explainer.spec import Vmap as Vmap
