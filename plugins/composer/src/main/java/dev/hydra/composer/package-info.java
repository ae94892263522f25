/**
 * Composes models: reads a configuration into a {@link dev.hydra.composer.ModelSpec}, finds the
 * component types in {@link dev.hydra.composer.Components}, builds a {@link
 * dev.hydra.composer.Model} and accounts for it. Owns all parameters and all state.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.composer;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
