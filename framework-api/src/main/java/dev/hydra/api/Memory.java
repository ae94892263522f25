package dev.hydra.api;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Reads from a store, and may write to it: slots that live as long as a sequence (then they are in
 * the {@link StateCache}), or tables that live as long as the model (then they are parameters).
 */
@ConsumerType
public interface Memory extends Layer {}
