package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.Components;
import dev.hydra.huggingface.HuggingFace;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Brings published models here. */
@Command(
    name = "import",
    description = "Imports published models.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "hf")
final class ImportCommand extends CommandGroup {
  private final Components components;

  ImportCommand(Components components) {
    this.components = components;
  }

  @Command(
      name = "hf",
      description = {
        "Imports a model in the format of Hugging Face transformers: Llama, Mixtral, Mamba, Mamba-2,"
            + " Jamba, Bamba, Falcon-H1, GraniteMoeHybrid.",
        "The weights keep their types. What of config.json has no effect here is named on the error"
            + " stream; what is asked for and not supported is an error."
      },
      mixinStandardHelpOptions = true)
  int hf(
      @Parameters(
              paramLabel = "DIR",
              description = "A folder with config.json and safetensors, whole or in shards.")
          Path published,
      @Option(
              names = "--out",
              required = true,
              paramLabel = "MODEL",
              description = "The folder to make; hydra generate --model MODEL uses it.")
          Path out)
      throws IOException {
    if (!Files.isDirectory(published)) {
      throw new UsageException("there is no folder " + published);
    }
    PrintWriter writer = spec.commandLine().getOut();
    TransferProgress progress = new TransferProgress(writer, Boolean.getBoolean("hydra.terminal"));
    for (String warning : HuggingFace.importModel(published, out, components, progress)) {
      spec.commandLine().getErr().println("hydra: " + warning);
    }
    writer.println("written to " + out.toAbsolutePath().normalize());
    return 0;
  }
}
