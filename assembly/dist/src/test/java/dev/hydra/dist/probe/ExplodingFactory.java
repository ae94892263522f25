package dev.hydra.dist.probe;

/** A factory whose class cannot be initialised. */
public final class ExplodingFactory extends ProbeFactory {
  static final int SIZE = Integer.parseInt("a bug in the plugin");
}
