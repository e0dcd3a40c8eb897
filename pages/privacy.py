"""Privacy: what is processed, kept and logged."""

from explainer.ui import look, navigation, privacy

navigation.ensure()
look.apply()
privacy.show()
