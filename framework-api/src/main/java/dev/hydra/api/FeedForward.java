package dev.hydra.api;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Transforms along width. Given its routing (if it has a {@link Router}), each token is handled on
 * its own.
 */
@ConsumerType
public interface FeedForward extends Layer {}
