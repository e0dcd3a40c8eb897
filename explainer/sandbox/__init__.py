"""Explain untrusted text in a child process, with limits: `explain` and `stream`.

    ui, cli ─▶ client ─▶ pool ─▶ zygote ─▶ worker ─▶ analysis
                      └▶ cluster ══ other hosts ══▶ cluster_worker ─▶ client, as above

`warm_up` starts standby children ahead of the first request, `shutdown` ends them.
"""

from explainer.sandbox.client import explain as explain
from explainer.sandbox.client import isolation as isolation
from explainer.sandbox.client import shutdown as shutdown
from explainer.sandbox.client import stream as stream
from explainer.sandbox.client import warm_up as warm_up
from explainer.sandbox.gate import Visitor as Visitor
from explainer.sandbox.levels import UNKNOWN as UNKNOWN
from explainer.sandbox.levels import refusal as refusal
from explainer.sandbox.settings import VARIABLES as VARIABLES
from explainer.sandbox.settings import Limits as Limits
from explainer.sandbox.settings import SettingError as SettingError
from explainer.sandbox.settings import no_isolation_accepted as no_isolation_accepted
from explainer.sandbox.settings import public as public
