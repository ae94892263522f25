/**
 * Conformance checks: whether a component keeps the contract of {@link dev.hydra.api.Layer}, and
 * plugins of other kinds that of what they create.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.tck;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
