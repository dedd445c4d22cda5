# The state before: one group on both servers, open to the world. The database is made elsewhere, since the provider waits
# minutes for one.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {}

variable "mark" {
  type = string
}

locals {
  world = {
    http    = ["tcp", 80, 80]
    https   = ["tcp", 443, 443]
    sip_tcp = ["tcp", 5060, 5060]
    sip_udp = ["udp", 5060, 5060]
    rtp     = ["udp", 16384, 32768]
    esl     = ["tcp", 8021, 8021]
  }
}

resource "aws_vpc" "prod" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "prod" {
  for_each          = { a = "10.0.1.0/24", b = "10.0.2.0/24" }
  vpc_id            = aws_vpc.prod.id
  cidr_block        = each.value
  availability_zone = "us-east-1${each.key}"
}

resource "aws_security_group" "shared" {
  name        = "prod-sg"
  description = "both servers"
  vpc_id      = aws_vpc.prod.id

  ingress {
    description      = "SSH"
    protocol         = "tcp"
    from_port        = 22
    to_port          = 22
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }

  dynamic "ingress" {
    for_each = local.world
    content {
      protocol    = ingress.value[0]
      from_port   = ingress.value[1]
      to_port     = ingress.value[2]
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_instance" "server" {
  for_each               = toset(["api", "freeswitch"])
  ami                    = "ami-12c6146b"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.prod["a"].id
  vpc_security_group_ids = [aws_security_group.shared.id]
  tags = {
    Name = "prod-${each.key}"
    Role = each.key
  }
}

resource "aws_security_group" "database" {
  name        = "prod-sg-database"
  description = "database"
  vpc_id      = aws_vpc.prod.id

  ingress {
    protocol        = "tcp"
    from_port       = 5432
    to_port         = 5432
    security_groups = [aws_security_group.shared.id]
  }

  ingress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["10.0.0.0/16"]
  }
}

resource "aws_s3_bucket" "recordings" {
  bucket = "recordings-${var.mark}"
}

output "names" {
  value = {
    vpc      = aws_vpc.prod.id
    shared   = aws_security_group.shared.id
    private  = aws_security_group.database.id
    subnet   = aws_subnet.prod["a"].id
    other    = aws_subnet.prod["b"].id
    api      = aws_instance.server["api"].id
    voice    = aws_instance.server["freeswitch"].id
    bucket   = aws_s3_bucket.recordings.bucket
    database = "db-${var.mark}"
    alarm    = "failed-ssh-${var.mark}"
  }
}
