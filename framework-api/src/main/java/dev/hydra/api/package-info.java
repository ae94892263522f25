/**
 * The vocabulary of Hydra: what a component of a language model is, what it gets and what it owes.
 *
 * <p>A component is a {@link dev.hydra.api.Layer} (a {@link dev.hydra.api.Mixer}, {@link
 * dev.hydra.api.FeedForward} or {@link dev.hydra.api.Memory}) or a {@link dev.hydra.api.Router}. A
 * {@link dev.hydra.api.ComponentFactory}, registered by {@link dev.hydra.api.HydraPlugin}, creates
 * it for one place in a model, the {@link dev.hydra.api.Site}, which lends it its parameters and
 * options. Every forward goes through a {@link dev.hydra.api.Pass}, which may carry state ({@link
 * dev.hydra.api.StateCache}).
 *
 * <p>Components are one {@linkplain dev.hydra.api.Kind kind} of plugins. Every kind has an
 * interface that extends {@link dev.hydra.api.Factory} and stands in the module that uses it, which
 * finds what a configuration names in the {@link dev.hydra.api.PluginRegistry}.
 *
 * <p>Tensors are LibTorch's own ({@link org.bytedeco.pytorch.Tensor}). Whoever calls a component
 * has opened a {@link org.bytedeco.javacpp.PointerScope}: what the component creates is freed when
 * that scope closes, except what it returns.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
