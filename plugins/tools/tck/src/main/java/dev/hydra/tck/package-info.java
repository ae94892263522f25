/** Conformance checks: whether a component keeps the contract of {@link dev.hydra.api.Layer}. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.tck;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
