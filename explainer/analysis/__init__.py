"""The analysis: all that touches JAX, in a version of it that this is written for."""

from explainer.analysis.versions import require

require()
