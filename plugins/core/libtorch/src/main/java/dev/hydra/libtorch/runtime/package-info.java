/**
 * Serves every use of LibTorch: scopes that free tensors, shorthand for tensors, operators by name,
 * devices and types, seeded randomness, threads, readable errors.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.runtime;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
