# The public names and where they stand; __init__.py imports them when somebody asks for them.
from .base import (
    LearningRule as LearningRule,
    Route as Route,
    LearnResult as LearnResult,
)
from .catalogue import (
    list_rules as list_rules,
    register as register,
    rule as rule,
)
from .equilibrium.detected_phases import (
    DetectedPhases as DetectedPhases,
)
from .predictive_coding.fa_z_il import (
    FaZIL as FaZIL,
)
from .feedback import (
    Direct as Direct,
    Feedback as Feedback,
    KolenPollack as KolenPollack,
    Learned as Learned,
    Matching as Matching,
    NoPathway as NoPathway,
    SweepCount as SweepCount,
    Perturbed as Perturbed,
    Random as Random,
    SignSymmetric as SignSymmetric,
    Tied as Tied,
    WeightMirror as WeightMirror,
)
from .predictive_coding.inference_learning import (
    IL as IL,
)
from .perturbation import (
    REINFORCE as REINFORCE,
    NodePerturbation as NodePerturbation,
    WeightPerturbation as WeightPerturbation,
)
from .product import (
    Rule as Rule,
)
from .reward import (
    Reward as Reward,
    Rewarded as Rewarded,
    SoftmaxReward as SoftmaxReward,
)
from .rows import (
    Entry as Entry,
)
from .sweep import (
    Sweep as Sweep,
)
from .teaching import (
    TrialLoss as TrialLoss,
    Teacher as Teacher,
    Teaching as Teaching,
)
from .through_time import (
    SequenceResult as SequenceResult,
    ThroughTime as ThroughTime,
)
from .trial import (
    Trial as Trial,
)
from .trigger import (
    Equality as Equality,
    Trigger as Trigger,
)
from .predictive_coding.z_il import (
    ZIL as ZIL,
)
