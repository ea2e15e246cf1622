# The public names and where they stand; __init__.py imports them when somebody asks for them.
from .checkpoint import (
    load_weights as load_weights,
)
from .finding import (
    model_files as model_files,
)
from .loop import (
    train as train,
)
from .model import (
    Model as Model,
)
from .model_file import (
    load_model as load_model,
)
from .result import (
    Result as Result,
)
from .seeds import (
    SeedsResult as SeedsResult,
    run_seeds as run_seeds,
)
from .search_result import (
    Search as Search,
)
from .settings import (
    Settings as Settings,
)
from .study import (
    search as search,
)
