"""What the field calls some rules, too: for error messages alone, which tell the name here."""

ALSO_CALLED = {
    **dict.fromkeys(("bp", "backpropagation", "gradient-descent", "gd", "sgd", "autograd"), "backprop"),
    **dict.fromkeys(("fa", "rfa", "random-feedback"), "feedback-alignment"),
    **dict.fromkeys(("dfa", "direct-feedback"), "direct-feedback-alignment"),
    **dict.fromkeys(("ss", "usf", "sign-symmetric"), "sign-symmetry"),
    **dict.fromkeys(("kp", "kolen"), "kolen-pollack"),
    **dict.fromkeys(("wm", "mirror"), "weight-mirror"),
    **dict.fromkeys(("wp", "spsa", "serial-perturbation"), "weight-perturbation"),
    **dict.fromkeys(("np", "perturbation"), "node-perturbation"),
    **dict.fromkeys(("pc", "pcn", "predictive-coding", "inference-learning"), "il"),
    **dict.fromkeys(("incremental-predictive-coding", "incremental-pc"), "ipc"),
    **dict.fromkeys(("ep", "eqprop", "eq-prop"), "equilibrium-propagation"),
    **dict.fromkeys(("sd", "dendrites", "guerguiev"), "segregated-dendrites"),
    **dict.fromkeys(
        ("microcircuit", "cortical-microcircuit", "dendritic-cortical-microcircuit"), "dendritic-microcircuit"
    ),
    **dict.fromkeys(("burst-prop", "bursts"), "burstprop"),
    **dict.fromkeys(("burst-ccn", "bccn"), "burstccn"),
    **dict.fromkeys(("dfc",), "deep-feedback-control"),
    **dict.fromkeys(("policy-gradient", "pg"), "reinforce"),
}
