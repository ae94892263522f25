package dev.hydra.ffn.dense;

import dev.hydra.api.HydraPlugin;
import dev.hydra.libtorch.nn.GatedActivation;

/**
 * The feed-forward of Llama and most models since: {@code (silu(x G) * (x U)) D}.
 *
 * <p>Parameters {@code gate_proj.weight} and {@code up_proj.weight} [hidden, width], {@code
 * down_proj.weight} [width, hidden]. Shazeer 2020, arXiv 2002.05202.
 */
@HydraPlugin("swiglu")
public final class SwigluFactory extends GatedFactory {
  /** Creates the factory, for the registry. */
  public SwigluFactory() {
    super(GatedActivation.SILU);
  }
}
