import { Command, Option } from 'commander';
import { collect } from '../options.js';

export function gatewayCommand(): Command {
  return new Command('gateway')
    .description(
      'Carry STOMP, XMPP, AMQP, MQTT or anything else between WebSockets and servers that speak it over TCP, TLS or a Unix socket.',
    )
    .argument('[config]', 'the configuration, a .toml, .yaml or .yml file')
    .option('--check', 'check the configuration, say what it means, and end')
    .option('--print-example', 'write a configuration with every option and end')
    .option('--print-schema', 'write the JSON Schema of the configuration and end')
    .option(
      '--demo',
      'try it with nothing installed: small servers in this process, and a page that talks to them',
    )
    .option('--listen <address>', 'a port, or an address and a port such as 127.0.0.1:8080')
    .option('--to <server>', 'the server behind: tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH')
    .addOption(new Option('--protocol <name>', 'stomp, xmpp, amqp, mqtt or raw').default('raw'))
    .option('--path <path>', 'where it is; /* for any path')
    .option('--subprotocol <token>', 'a token of Sec-WebSocket-Protocol that is taken (repeatable)', collect)
    .option('--origin <pattern>', 'an origin whose pages may connect (repeatable)', collect)
    .option('--sessions', 'take sessions as well, on any carrier')
    .addHelpText(
      'after',
      [
        '\nA configuration that changes is read again by itself, or by SIGHUP; connections go on. SIGTERM tells the clients,',
        'waits for them, and ends.',
        '\nExamples:',
        '  $ bothways gateway --demo',
        '  $ bothways gateway --listen 8080 --to tcp://127.0.0.1:61613 --protocol stomp',
        '  $ bothways gateway --print-example > gateway.toml',
        '  $ bothways gateway --check gateway.toml',
        '  $ bothways gateway gateway.toml',
      ].join('\n'),
    )
    .action(async (config, options) => {
      // What a gateway is made of takes a while to be loaded, which the other commands need not wait for.
      const { runGatewayCommand } = await import('../gateway/run.js');
      await runGatewayCommand(config, options);
    });
}
