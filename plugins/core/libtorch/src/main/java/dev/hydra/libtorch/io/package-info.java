/** Writes files that survive a crash, and hashes what files hold. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.io;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
