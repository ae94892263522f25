/**
 * Tasks: questions that are generated from a seed, with answers that can be checked. A model that
 * learns one shows what its parts can do. Tasks are plugins, see {@link
 * dev.hydra.tasks.TaskFactory}.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.tasks;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
