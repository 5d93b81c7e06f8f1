"""The words by which give-aways, votes for a star, game results and sales are told, in six languages.

English, French, Spanish, German, Portuguese and Italian, a line each, folded by `detectors.text.fold`.
Each genre has words that *say* what it is, words that *ask* for what it wants done, and words that stand
*beside* them. A word that is missing here costs an alert too many, never one too few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from detectors.rules.sentences import Both

Kind = Literal["declared", "give_away", "fandom_vote", "shared_by_button", "spam"]
"""Why a group is open; all but ``declared`` are told by the words that it copies."""


@dataclass(frozen=True)
class Genre:
    """One kind of text that many people post without agreeing on more than that."""

    kind: Kind
    named: Both
    says: frozenset[str]
    asks: frozenset[str]
    beside: frozenset[str]
    tags: frozenset[str] = frozenset()
    """Hashtags that are this genre's own and nobody else's."""
    other_tags: int = 0
    """Different hashtags that a post, or all copies of one, may have besides: whom a vote is for."""
    numbered: bool = False
    """Whether it has a figure: the result."""
    linked: bool = False
    """Whether it leads somewhere: a shop, a game."""

    @cached_property
    def words(self) -> frozenset[str]:
        """All that belongs to it."""
        return self.says | self.asks | self.beside | self.tags


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FOLLOW = """
follow following retweet retweets rt repost share like likes tag comment reply enter
suis suivez suivre rt retweetez partage partagez aime aimez mentionne mentionnez tague taguez commente
commentez abonne
sigue siguenos sigan seguir retuitea comparte etiqueta menciona comenta participa
folge folgt folgen retweete retweetet teile teilt liken markiere markiert kommentiere kommentiert
siga segue retweete partilhe compartilhe marque comente curta
segui seguici seguite ritwitta condividi tagga menziona commenta
"""

GIVE_AWAY = Genre(
    kind="give_away",
    named=("a give-away", "un jeu-concours"),
    says=_words("""
        giveaway giveaways sweepstake sweepstakes raffle prize prizes contest competition voucher
        concours tirage cadeau cadeaux
        sorteo sorteos premio premios regalo regalos
        gewinnspiel gewinnspiele verlosung verlosen gutschein
        sorteio sorteios passatempo
        concorso estrazione
    """),
    asks=_words(_FOLLOW),
    beside=_words("""
        win winner winners winning won chance chances entered entry entries ends closes draw drawn lucky
        random friend friends
        gagner gagne gagnez gagnant gagnants tenter tente tentez remporter remporte remportez jeu tas sort ami
        amis
        gana ganar gane ganate ganador ganadores suerte azar amigo amigos participar
        gewinne gewinnen gewinnt gewinner teilnahme teilnehmen freund freunde
        ganhe ganhar ganha ganhador vencedor sorte participe participar
        vinci vincere vincitore vincitori fortuna amico amici partecipa partecipare
    """),
    tags=_words("""
        giveaway giveaways giveawayalert sweepstakes raffle competition contest prize win
        concours jeuconcours sorteo gewinnspiel verlosung sorteio concorso
    """),
)

FANDOM_VOTE = Genre(
    kind="fandom_vote",
    named=("a vote for an award", "un vote pour un prix"),
    says=_words("award awards kca kcas mtvhottest teenchoice iheartawards bbmas mtvema nrjmusicawards"),
    asks=_words("vote votes voting voted votez voter vota votar voto votad votate stimme votem"),
    beside=_words("""
        category nominee nominees favourite favorite fan fandom artist song best group
        categorie artiste chanson artista cancion kunstler musica canzone
    """),
    tags=_words("""
        kca kcas kidschoiceawards mtvhottest teenchoice teenchoiceawards iheartawards bestfanarmy bbmas
        bbmastopsocial mtvema mtvemas nrjmusicawards
    """),
    other_tags=1,
)

GAME = Genre(
    kind="shared_by_button",
    named=("the result of a game", "le résultat d'un jeu"),
    says=_words("""
        quiz score scored highscore level levels points
        niveau
        puntos puntuacion nivel
        punkte highscore
        pontos pontuacao
        punti punteggio livello
    """),
    asks=_words("""
        play playing beat try challenge
        joue jouez essaie essayez battre
        juega juegas prueba supera
        spiel spiele spielen schaffst
        jogue joga tente
        gioca prova battimi
    """),
    beside=_words("""
        reached completed finished game app
        obtenu atteint termine jeu
        conseguido alcanzado juego
        erreicht
        alcancei jogo
        raggiunto completato gioco
    """),
    numbered=True,
    linked=True,
)

SALE = Genre(
    kind="spam",
    named=("a sale", "une vente"),
    says=_words("""
        sale sales discount coupon promo deal deals clearance
        solde soldes promotion reduction remise rabais
        oferta ofertas descuento rebajas cupon
        rabatt angebot angebote gutschein
        desconto descontos promocao cupom liquidacao
        sconto sconti offerta offerte saldi promozione
    """),
    asks=_words("""
        buy shop order grab save
        achetez acheter commandez commander profitez
        compra comprar aprovecha pide
        kaufen kauf bestellen bestelle sparen
        compre aproveite
        acquista ordina approfitta
    """),
    beside=_words("""
        price prices free shipping delivery code store online
        prix livraison gratuite boutique
        precio envio gratis codigo tienda
        preis versand kostenlos
        preco frete loja
        prezzo spedizione gratuita codice negozio
    """),
    linked=True,
)

FOLLOW_TRAIN = Genre(
    kind="spam",
    named=("a call to follow each other", "un appel à s'abonner les uns aux autres"),
    says=_words(
        "followback followtrain f4f followforfollow teamfollowback followers seguidores follower seguaci"
    ),
    asks=_words(_FOLLOW),
    beside=_words("""
        gain fast everyone back
        retour
        gana rapido todos
        zuruck
        ganhe todos volta
        tutti
    """),
    tags=_words(
        "teamfollowback followback followtrain f4f followforfollow ifollowback followme gainfollowers sdv"
    ),
)

CRYPTO = Genre(
    kind="spam",
    named=("an offer of tokens", "une offre de jetons"),
    says=_words("airdrop presale bitcoin btc ethereum eth crypto token tokens nft nfts altcoin memecoin"),
    asks=_words("""
        join claim mint buy invest stake trade register
        rejoignez achetez investissez reclamez
        unete compra invierte
        kaufen investiere
        participe invista
        partecipa investi
    """),
    beside=_words(
        "wallet whitelist launch listing pump moon usdt coin coins free earn profit trading exchange giveaway"
    ),
    tags=_words("airdrop bitcoin btc ethereum eth crypto nft nfts nftgiveaway altcoin memecoin presale"),
)

GENRES = (GIVE_AWAY, FANDOM_VOTE, GAME, SALE, FOLLOW_TRAIN, CRYPTO)
"""In the order in which they are tried."""

LEADS_TO = _words("""
    follow following rt retweet with by from via
    suis suivez suivre avec par chez
    sigue sigan seguir con por
    folge folgt folgen mit von bei
    siga segue com
    segui seguite
""")
"""A word of these stands before the name of whoever gives something away; one at the start is addressed."""

LOADED_WORDS = _words("liar liars lie lies lying thief thieves crook crooks shame war gate guilty dirty")
_POLITICS = """
electi elector eleccion eleicao eleicoes elezion wahl stimm vote voting voter vota ballot campaign
presid candidat kandidat minist senat deput parliament parlement parlament congress mayor maire burgermeister
politi govern gouvern gobiern regier regime democra demokrat republic republiq socialis communis
fascis faschis nazi migrant immigra refugee terror patriot vaccin vacun impf
"""
_ACCUSING = """
traitor treason corrup corrom fraud scandal crimin crime prison jail resign impeach hoax fake leak hack scam
murder killer rapist racis disgrac disgust steal stole cheat rigged hate enemy boycott
menteu menson voleu traitr trahi honte demission escroc arnaq magouil mascarade complot assassin haine pourri
mentir ladron traidor traicion verguenza dimision dimite estafa asesin odio boicot
lugner luge dieb verrat betrug schande rucktritt morder hass korrup kriminell verbrech rassis skandal boikott
mentiro ladrao ladroes vergonha golpe roubo
bugiard ladro ladri traditor vergogna dimission truffa mafios
"""
LOADED_STEMS = tuple(sorted(_words(_POLITICS + _ACCUSING)))
"""Beginnings of words that are politics or accuse somebody: a text with one is none of these genres."""
