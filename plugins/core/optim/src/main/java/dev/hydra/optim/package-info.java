/**
 * Updates parameters: optimizers, gradient clipping and learning rate schedules, without a wait for
 * the device anywhere, so that a whole training step can be captured as a CUDA graph.
 *
 * <p>{@link dev.hydra.optim.OptimizerSettings} reads the configuration. Optimizers and schedules
 * are plugins: see {@link dev.hydra.optim.OptimizerFactory} and {@link
 * dev.hydra.optim.ScheduleFactory}.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.optim;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
