package dev.hydra.cli;

import org.bytedeco.pytorch.Tensor;
import picocli.CommandLine.IVersionProvider;

/** The versions of Hydra and of what it runs on, without loading LibTorch. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {
      "hydra " + hydra(),
      "LibTorch " + of(Tensor.class),
      "Java " + Runtime.version() + " (" + System.getProperty("java.vm.name") + ")"
    };
  }

  /** The version of this distribution. */
  static String hydra() {
    return of(Version.class);
  }

  private static String of(Class<?> type) {
    String version = type.getPackage().getImplementationVersion();
    return version == null ? "(version unknown)" : version;
  }
}
