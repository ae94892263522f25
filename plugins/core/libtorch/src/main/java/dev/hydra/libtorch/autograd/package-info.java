/**
 * Backward passes: custom backward functions, activation checkpoints, switching gradients off, and
 * running backward with errors that can be read.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.autograd;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
