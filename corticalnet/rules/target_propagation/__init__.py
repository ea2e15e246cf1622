"""Target propagation: what comes down is where an area should be, as decoders know it."""
