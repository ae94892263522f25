/**
 * Swaps components of a running {@link dev.hydra.composer.model.Model} for other ones, and rolls
 * back.
 *
 * <p>The life of a swap, while the model runs: a {@link dev.hydra.composer.swap.SwapRequest} comes
 * to the {@link dev.hydra.composer.swap.Swapper} from any thread and is given its turn: one queue,
 * served by one thread, is the order of all that happens. A thread of its own with a time limit
 * builds a candidate at the chosen sites: what has the name, shape and kind of a parameter of the
 * model is lent as it is, what is new is made beside it from seed and name, within the memory that
 * is left, or by a {@link dev.hydra.api.Migration}. A twin of the candidate round copies of these
 * parameters is probed: shape, finite values and gradients, causality, decoding. The {@link
 * dev.hydra.composer.swap.SwapHost} prepares what it will hold for new parameters. If any of this
 * fails or hangs, the model never hears of it, and the report says why. Otherwise the candidate
 * waits until whoever runs the model calls {@code boundary}: then values that depend on the old
 * ones are filled in, all sites change at once, and the host follows. The request's thread gets the
 * report. What was there before is kept as long as the host can roll the swap back; {@code confirm}
 * lets it go, its class loader with it, for nothing but the component in a slot refers to a plugin;
 * {@code rollback} puts it back.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.composer.swap;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
