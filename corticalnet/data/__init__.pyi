# The public names and where they stand; __init__.py imports them when somebody asks for them.
from .catalogue import (
    describe as describe,
    names as names,
    register as register,
)
from .description import (
    Archive as Archive,
    Dataset as Dataset,
)
from .loading import (
    fetch as fetch,
    load as load,
)
from .split import (
    SPLITS as SPLITS,
    Data as Data,
    Samples as Samples,
    Split as Split,
)
from .wrapping import (
    wrap as wrap,
)
from .xor import (
    delayed_xor as delayed_xor,
)
