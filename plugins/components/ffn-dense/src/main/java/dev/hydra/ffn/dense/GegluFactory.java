package dev.hydra.ffn.dense;

import dev.hydra.api.HydraPlugin;
import dev.hydra.libtorch.nn.GatedActivation;

/**
 * A feed-forward gated by the exact GELU: {@code (gelu(x G) * (x U)) D}.
 *
 * <p>Parameters as in {@link SwigluFactory}. Shazeer 2020, arXiv 2002.05202.
 */
@HydraPlugin("geglu")
public final class GegluFactory extends GatedFactory {
  /** Creates the factory, for the registry. */
  public GegluFactory() {
    super(GatedActivation.GELU);
  }
}
