package dev.hydra.api;

import org.osgi.annotation.versioning.ConsumerType;

/** Mixes along time: the only kind of layer, memories aside, in which a token sees earlier ones. */
@ConsumerType
public interface Mixer extends Layer {}
