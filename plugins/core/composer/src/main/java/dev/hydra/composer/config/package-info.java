/**
 * Reads configurations: HOCON files with includes and substitutions, overrides, tables of options.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.composer.config;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
