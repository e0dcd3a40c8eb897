"""All that touches JAX's internals, and with them all that depends on JAX's version.

    calls       calls of jax.vmap, wherever they are made
    mesh_calls  calls of jax.pmap and jax.shard_map
    spreads     which values differ between devices
    stack       the transformations under way, and the shapes that go in and out of each
    entrances   where jit, grad, ... pass through JAX, which is where they are noted
    flows       likewise scan, while_loop, cond, ... and the functions they are given
    probes      tags and probes inside jaxprs, and how they are read back
    jaxprs      the bodies of an equation, the frames that made it, running a jaxpr
    vmap_frames the calls of jax.vmap that an error passed through
    tracers     the variable that a tracer stands for, and what it is made from
    wires       how values go through an equation and its bodies
    printing    jaxprs as JAX prints them, tagged line by line
    changes     the parameters in which two equations differ

Relies on, in every version of JAX supported: `batching.batch` and what `vmap_f` calls its
variables, `DebugInfo`, `fancy_primitive_batchers`, `dce_rules`, `new_jaxpr_eqn`, `Jaxpr.replace`,
`JaxprEqn.replace`, `DynamicJaxprTracer.parent`, `JaxprStackFrame`, `Traced._consts`, name stacks
surviving `eval_jaxpr`, the axis environment (`trace_ctx`, `AxisEnv`, `eval_context`),
`_cached_shard_map`, `shard_map_p`, `FlatTree`, and the pretty-printer's `JaxprPpContext`.
`tests/analysis` fails when one of these changes. The classes of jaxprs come from `jax._src.core`, not from
`jax.extend.core`, which has the same ones but brings Pallas along: 20 ms of every start.
"""

from explainer.analysis.internals.calls import Call as Call
from explainer.analysis.internals.calls import apart as apart
from explainer.analysis.internals.calls import text as text
from explainer.analysis.internals.calls import told_elsewhere as told_elsewhere
from explainer.analysis.internals.changes import changes as changes
from explainer.analysis.internals.entrances import level as level
from explainer.analysis.internals.entrances import noting as noting
from explainer.analysis.internals.jaxprs import Body as Body
from explainer.analysis.internals.jaxprs import ClosedJaxpr as ClosedJaxpr
from explainer.analysis.internals.jaxprs import Literal as Literal
from explainer.analysis.internals.jaxprs import aval as aval
from explainer.analysis.internals.jaxprs import aval_of as aval_of
from explainer.analysis.internals.jaxprs import differentiated as differentiated
from explainer.analysis.internals.jaxprs import evaluate as evaluate
from explainer.analysis.internals.jaxprs import flatten_axes as flatten_axes
from explainer.analysis.internals.jaxprs import frames as frames
from explainer.analysis.internals.jaxprs import is_plain as is_plain
from explainer.analysis.internals.jaxprs import is_tracer as is_tracer
from explainer.analysis.internals.jaxprs import leaks_unchecked as leaks_unchecked
from explainer.analysis.internals.jaxprs import primal as primal
from explainer.analysis.internals.jaxprs import raw_frames as raw_frames
from explainer.analysis.internals.jaxprs import read_dialects as read_dialects
from explainer.analysis.internals.jaxprs import refuse_leaks as refuse_leaks
from explainer.analysis.internals.jaxprs import sub_jaxprs as sub_jaxprs
from explainer.analysis.internals.jaxprs import traced_function as traced_function
from explainer.analysis.internals.jaxprs import transposed as transposed
from explainer.analysis.internals.mesh_calls import MeshCall as MeshCall
from explainer.analysis.internals.mesh_calls import catching as catching
from explainer.analysis.internals.printing import Printed as Printed
from explainer.analysis.internals.printing import print_jaxpr as print_jaxpr
from explainer.analysis.internals.probes import INPUTS as INPUTS
from explainer.analysis.internals.probes import OUTPUTS as OUTPUTS
from explainer.analysis.internals.probes import Bodies as Bodies
from explainer.analysis.internals.probes import Emitted as Emitted
from explainer.analysis.internals.probes import Instrumented as Instrumented
from explainer.analysis.internals.probes import Key as Key
from explainer.analysis.internals.probes import LevelName as LevelName
from explainer.analysis.internals.probes import as_if_unnamed as as_if_unnamed
from explainer.analysis.internals.probes import instrument as instrument
from explainer.analysis.internals.probes import is_foreign as is_foreign
from explainer.analysis.internals.probes import named_axes as named_axes
from explainer.analysis.internals.probes import probe_p as probe_p
from explainer.analysis.internals.probes import read as read
from explainer.analysis.internals.probes import resolve as resolve
from explainer.analysis.internals.probes import tag as tag
from explainer.analysis.internals.probes import units_in as units_in
from explainer.analysis.internals.probes import without_probes as without_probes
from explainer.analysis.internals.spreads import Spread as Spread
from explainer.analysis.internals.spreads import mesh_axes as mesh_axes
from explainer.analysis.internals.spreads import on_each_device as on_each_device
from explainer.analysis.internals.stack import Entered as Entered
from explainer.analysis.internals.stack import Piece as Piece
from explainer.analysis.internals.stack import Stack as Stack
from explainer.analysis.internals.tracers import Root as Root
from explainer.analysis.internals.tracers import roots as roots
from explainer.analysis.internals.tracers import unwrapped as unwrapped
from explainer.analysis.internals.tracers import variable as variable
from explainer.analysis.internals.vmap_frames import Made as Made
from explainer.analysis.internals.vmap_frames import Mapped as Mapped
from explainer.analysis.internals.vmap_frames import Place as Place
from explainer.analysis.internals.vmap_frames import Setting as Setting
from explainer.analysis.internals.vmap_frames import bodies_of as bodies_of
from explainer.analysis.internals.vmap_frames import called_by_us as called_by_us
from explainer.analysis.internals.vmap_frames import is_ours as is_ours
from explainer.analysis.internals.vmap_frames import keeping_frames as keeping_frames
from explainer.analysis.internals.vmap_frames import vmap_calls as vmap_calls
from explainer.analysis.internals.vmap_frames import vmap_making as vmap_making
from explainer.analysis.internals.vmap_frames import vmap_under_way as vmap_under_way
from explainer.analysis.internals.wires import End as End
from explainer.analysis.internals.wires import Wire as Wire
from explainer.analysis.internals.wires import wires as wires
