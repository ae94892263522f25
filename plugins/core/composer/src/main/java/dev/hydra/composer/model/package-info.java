/**
 * Builds models from their {@link dev.hydra.composer.spec.ModelSpec} and runs them. A {@link
 * dev.hydra.composer.model.Model} owns all parameters and all state; {@link
 * dev.hydra.composer.model.Components} finds the component types, {@link
 * dev.hydra.composer.model.ModelSummary} counts what a model is made of and what it costs.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.composer.model;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
