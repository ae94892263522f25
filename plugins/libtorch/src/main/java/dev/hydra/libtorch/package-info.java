/**
 * What plugins share on top of LibTorch: scopes, shorthand for tensors, operators by name, custom
 * backward functions, products of experts, devices and types, seeded randomness, safetensors.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
