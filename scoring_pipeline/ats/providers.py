"""The five providers, by name.

What belongs here: the table. What does not: anything about one of them.
"""

from scoring_pipeline.ats import ashby, greenhouse, lever, recruitee, workable
from scoring_pipeline.ats.model import Provider
from scoring_pipeline.settings import ProviderName

BY_NAME: dict[ProviderName, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (greenhouse, lever, ashby, workable, recruitee)
}
