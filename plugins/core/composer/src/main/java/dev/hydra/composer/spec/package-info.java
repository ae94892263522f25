/**
 * Describes models as configured: blocks, paths, gates and slices, read from HOCON and written
 * back.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.composer.spec;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
